package addon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Client speaks to the API of one cluster. It is safe for concurrent use and keeps one connection.
type Client struct {
	objects dynamic.Interface
	http    *http.Client
	base    *url.URL
	slots   chan struct{} // taken by each request that changes or reads an object

	mu    sync.Mutex
	kinds map[schema.GroupVersionKind]kind // what discovery has told
}

// parallel is how many objects are worked on at once. More gains nothing: a server that has just started has two or four cores,
// and other things to do.
const parallel = 8

// NewClient returns a client for the cluster that cfg leads to. It makes no request.
func NewClient(cfg *rest.Config) (*Client, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1                           // the server has its own fair queues; five requests a second would take longer than the work
	cfg.Timeout = 0                        // it would end watches, too; requests have their own
	cfg.WarningHandler = rest.NoWarnings{} // client-go would print them
	cfg.WarningHandlerWithContext = nil    // would win over the one above
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for the cluster: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, fmt.Errorf("making a client for the cluster: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client for the cluster: %w", err)
	}
	return &Client{
		objects: objects, http: client, base: base,
		slots: make(chan struct{}, parallel), kinds: map[schema.GroupVersionKind]kind{},
	}, nil
}

// UnknownKindError says that the cluster serves no such kind, or does not serve it yet.
type UnknownKindError struct{ Kind schema.GroupVersionKind }

func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("the cluster knows no kind %q in %q", e.Kind.Kind, e.Kind.GroupVersion())
}

// resource returns the endpoint of an object's kind, and from discovery what the table of built-in kinds does not know.
func (c *Client) resource(ctx context.Context, r Ref) (dynamic.ResourceInterface, error) {
	gvk := r.gvk()
	k, known := builtinKind(gvk.GroupKind())
	if !known {
		var err error
		if k, err = c.discover(ctx, gvk); err != nil {
			return nil, err
		}
	}
	endpoint := c.objects.Resource(gvk.GroupVersion().WithResource(k.resource))
	switch {
	case k.namespaced && r.Namespace == "":
		return nil, fmt.Errorf("%s has no namespace, and its kind lives in one", r)
	case !k.namespaced && r.Namespace != "":
		return nil, fmt.Errorf("%s has a namespace, and its kind lives in none", r)
	case k.namespaced:
		return endpoint.Namespace(r.Namespace), nil
	}
	return endpoint, nil
}

// discover asks the server for the kinds of one group and version. Answers are kept, absence is not: a custom kind may come.
func (c *Client) discover(ctx context.Context, gvk schema.GroupVersionKind) (kind, error) {
	c.mu.Lock()
	k, known := c.kinds[gvk]
	c.mu.Unlock()
	if known {
		return k, nil
	}
	list, err := c.kindsOf(ctx, gvk.GroupVersion())
	if err != nil && !apierrors.IsNotFound(err) {
		return kind{}, fmt.Errorf("asking for the kinds of %q: %w", gvk.GroupVersion(), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range list.APIResources {
		if !strings.Contains(r.Name, "/") { // not a subresource
			c.kinds[gvk.GroupVersion().WithKind(r.Kind)] = kind{
				group: gvk.Group, name: r.Kind, resource: r.Name, namespaced: r.Namespaced, stage: others,
			}
		}
	}
	if k, known = c.kinds[gvk]; !known {
		return kind{}, &UnknownKindError{Kind: gvk}
	}
	return k, nil
}

// kindsOf is one request of the discovery API. client-go's own client for it brings the OpenAPI parser with it, which is
// several megabytes of program for this one document.
func (c *Client) kindsOf(ctx context.Context, gv schema.GroupVersion) (metav1.APIResourceList, error) {
	var list metav1.APIResourceList
	path := c.base.JoinPath("apis", gv.Group, gv.Version)
	if gv.Group == "" {
		path = c.base.JoinPath("api", gv.Version)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path.String(), nil)
	if err != nil {
		return list, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return list, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return list, apierrors.NewGenericServerResponse(resp.StatusCode, "get", schema.GroupResource{Group: gv.Group}, "", resp.Status, 0, true)
	}
	// 16 MiB: a thousand times the largest group there is.
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&list); err != nil {
		return list, fmt.Errorf("reading the answer: %w", err)
	}
	return list, nil
}
