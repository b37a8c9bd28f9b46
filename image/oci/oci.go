// Package oci makes container images: layers that are a function of their files alone, images of layers, and archives of
// images in the OCI layout. Nothing in them depends on the time, the user or the order of a directory, so that building
// twice gives the same digests. Layers are not compressed: they are made to be unpacked on the same machine at once.
package oci

import "time"

// Epoch is the time of everything in a layer and an image.
var Epoch = time.Unix(0, 0).UTC()
