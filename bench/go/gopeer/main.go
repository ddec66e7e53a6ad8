// gopeer is the baseline: the usual service for this job, in competent, idiomatic Go.
//
//	POST /metrics        one JSON object {device_id, metric, timestamp, value}
//	POST /metrics/batch  a JSON array of them
//	POST /write          Influx line protocol, float fields, timestamps in nanoseconds
//	GET  /stats          what it has done
//
// Requests go through a bounded channel to a pool of goroutines, which keep each series' window and
// the samples already seen in Redis, and score every sample by its distance from the window's mean.
// The answer comes after Redis has answered.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:17080", "listen address")
	redisAddr := flag.String("redis", "127.0.0.1:6379", "Redis address")
	mode := flag.String("mode", "redis", "redis: windows read from Redis for every sample; "+
		"memory: kept in memory, written through (right for a single instance only)")
	pipeline := flag.Int("pipeline", 1, "samples that a worker takes to Redis in one trip")
	workers := flag.Int("workers", 64, "worker goroutines")
	buffer := flag.Int("buffer", 10000, "capacity of the channel, samples")
	length := flag.Int64("window", 128, "samples of a window")
	sigma := flag.Float64("sigma", 2, "standard deviations beyond which a sample is anomalous")
	ttl := flag.Duration("ttl", 10*time.Minute, "how long a sample is remembered as seen")
	flag.Parse()
	if *mode != "redis" && *mode != "memory" {
		log.Fatalf("-mode must be redis or memory, not %q", *mode)
	}

	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: *redisAddr, PoolSize: *workers + 4})
	if err := client.Ping(ctx).Err(); err != nil {
		log.Fatal(err)
	}
	s := &service{
		redis:    client,
		samples:  make(chan item, *buffer),
		pipeline: *pipeline,
		length:   *length,
		sigma:    *sigma,
		ttl:      *ttl,
	}
	if *mode == "memory" {
		s.memory = newWindows(client, *length)
	}
	var pool sync.WaitGroup
	for range *workers {
		pool.Go(func() { s.work(ctx) })
	}

	server := &http.Server{Addr: *addr, Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		patience, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		server.Shutdown(patience)
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	close(s.samples)
	pool.Wait()
}
