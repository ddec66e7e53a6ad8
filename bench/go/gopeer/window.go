package main

import (
	"context"
	"math"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	minSamples = 16 // a window with fewer gives no verdict
	shardCount = 64
)

func windowKey(series string) string { return "win:" + series }

func numbers(texts []string) []float64 {
	xs := make([]float64, len(texts))
	for i, text := range texts {
		xs[i], _ = strconv.ParseFloat(text, 64)
	}
	return xs
}

// outside tells whether v lies more than sigma standard deviations from the mean of xs.
func outside(xs []float64, v, sigma float64) bool {
	n := float64(len(xs))
	if n < minSamples {
		return false
	}
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	mean := sum / n
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	std := math.Sqrt(squares / n)
	return std > 0 && math.Abs(v-mean)/std > sigma
}

// windows keeps every window in memory, in shards with a lock each. The first sample of a series
// after a start finds its window in Redis.
type windows struct {
	redis  *redis.Client
	length int64
	shards [shardCount]shard
}

// fnv1a is hash/fnv's without the allocations.
func fnv1a(s string) uint32 {
	hash := uint32(2166136261)
	for i := range len(s) {
		hash = (hash ^ uint32(s[i])) * 16777619
	}
	return hash
}

type shard struct {
	sync.Mutex
	rings map[string]*ring
}

type ring struct {
	values []float64
	filled int
	next   int
}

func newWindows(client *redis.Client, length int64) *windows {
	w := &windows{redis: client, length: length}
	for i := range w.shards {
		w.shards[i].rings = map[string]*ring{}
	}
	return w
}

// put scores a value against its series' window and adds it; it tells whether it lies outside.
func (w *windows) put(ctx context.Context, series string, v, sigma float64) (bool, error) {
	sh := &w.shards[fnv1a(series)%shardCount]
	sh.Lock()
	defer sh.Unlock()
	r := sh.rings[series]
	if r == nil {
		// The value itself was pushed to Redis just before: without the newest.
		texts, err := w.redis.LRange(ctx, windowKey(series), 0, -2).Result()
		if err != nil {
			return false, err
		}
		r = &ring{values: make([]float64, w.length)}
		r.filled = copy(r.values, numbers(texts))
		r.next = r.filled % len(r.values)
		sh.rings[series] = r
	}
	anomalous := outside(r.values[:r.filled], v, sigma)
	r.values[r.next] = v
	r.next = (r.next + 1) % len(r.values)
	r.filled = min(r.filled+1, len(r.values))
	return anomalous, nil
}
