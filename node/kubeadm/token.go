package kubeadm

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-dev/slipway/pki"
)

// BootstrapToken lets nodes join: it proves the cluster to them and them to the cluster.
type BootstrapToken struct {
	Token       *TokenString `json:"token"`
	Description string       `json:"description,omitempty"`
	// TTL is how long it lives, 0 for ever. TTL and Expires exclude each other.
	TTL     *metav1.Duration `json:"ttl,omitempty"`
	Expires *metav1.Time     `json:"expires,omitempty"`
	Usages  []string         `json:"usages,omitempty"`
	Groups  []string         `json:"groups,omitempty"`
}

// TokenString is a token in its written form, abcdef.0123456789abcdef.
type TokenString struct{ pki.Token }

// MarshalJSON writes the token; the empty one is the empty string.
func (t TokenString) MarshalJSON() ([]byte, error) {
	if t.ID == "" {
		return []byte(`""`), nil
	}
	return json.Marshal(t.String())
}

// UnmarshalJSON reads a token; the empty string means that one is to be made. The error does not quote the token.
func (t *TokenString) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a bootstrap token must be a string")
	}
	if text == "" {
		*t = TokenString{}
		return nil
	}
	token, err := pki.ParseToken(text)
	t.Token = token
	return err
}
