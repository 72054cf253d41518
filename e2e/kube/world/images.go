package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"portreeve.dev/e2e/cluster"
	"portreeve.dev/e2e/harness"
)

// loadImages gives our images to the node unless it has them, and returns their tag.
func loadImages(ctx context.Context, c *cluster.Cluster) (string, error) {
	tag, err := imageTag(harness.BinFolder())
	if err != nil {
		return "", err
	}
	for _, program := range cluster.ProductPrograms {
		has, err := c.HasImage(ctx, cluster.ImageName(program, tag))
		if err != nil {
			return "", err
		}
		if !has {
			return tag, c.LoadProduct(ctx, harness.BinFolder(), tag)
		}
	}
	return tag, nil
}

// imageTag is a hash of the binaries in a folder.
func imageTag(folder string) (string, error) {
	sum := sha256.New()
	for _, program := range cluster.ProductPrograms {
		file, err := os.Open(filepath.Join(folder, program))
		if err != nil {
			return "", fmt.Errorf("build our programs first, and name their folder in PORTREEVE_BIN: %w", err)
		}
		_, err = io.Copy(sum, file)
		file.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}
