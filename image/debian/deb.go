package debian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxUnpacked bounds what one package may unpack to. The largest that a machine needs has 30 MB.
const maxUnpacked = 1 << 30

// readData returns the uncompressed data.tar of the package at path.
func readData(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dataOf(f, maxUnpacked)
}

func dataOf(r io.Reader, limit int64) ([]byte, error) {
	a, err := newArchive(r)
	if err != nil {
		return nil, err
	}
	for {
		name, err := a.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it has no data.tar")
		}
		if err != nil {
			return nil, err
		}
		if ext, ok := strings.CutPrefix(name, "data.tar"); ok {
			return expand(&a.body, ext, limit)
		}
	}
}

func expand(r io.Reader, ext string, limit int64) ([]byte, error) {
	var err error
	switch ext {
	case "":
	case ".gz":
		r, err = gzip.NewReader(r)
	case ".xz":
		r, err = xz.NewReader(r)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit))); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, fmt.Errorf("its data.tar%s is compressed in an unknown way", ext)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking its data.tar%s: %w", ext, err)
	}
	var data bytes.Buffer
	if n, err := io.Copy(&data, io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("unpacking its data.tar%s: %w", ext, err)
	} else if n > limit {
		return nil, fmt.Errorf("its data.tar%s unpacks to more than %d bytes", ext, limit)
	}
	return data.Bytes(), nil
}
