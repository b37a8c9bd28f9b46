package image

// PackageNames are the names that a test archive must have.
func PackageNames() []string { return packages()[baseProfile].Packages }
