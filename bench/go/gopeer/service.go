package main

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

type metric struct {
	DeviceID  string  `json:"device_id"`
	Metric    string  `json:"metric"`
	Timestamp int64   `json:"timestamp"` // Unix milliseconds
	Value     float64 `json:"value"`
}

func (m *metric) series() string { return m.DeviceID + ":" + m.Metric }

// item is a sample on its way to a worker, and whom to tell.
type item struct {
	metric metric
	done   *sync.WaitGroup
	failed *atomic.Bool
}

type service struct {
	redis    *redis.Client
	samples  chan item
	memory   *windows // nil: windows are read from Redis
	pipeline int
	length   int64
	sigma    float64
	ttl      time.Duration

	scored, duplicate, anomalies, errors, rejected atomic.Int64
}

// work takes samples until the channel is closed: one, and as many more as wait, up to pipeline.
func (s *service) work(ctx context.Context) {
	items := make([]item, 0, s.pipeline)
	for it := range s.samples {
		items = append(items[:0], it)
	fill:
		for len(items) < s.pipeline {
			select {
			case more, open := <-s.samples:
				if !open {
					break fill
				}
				items = append(items, more)
			default:
				break fill
			}
		}
		err := s.process(ctx, items)
		for i := range items {
			if err != nil {
				s.errors.Add(1)
				items[i].failed.Store(true)
			}
			items[i].done.Done()
		}
	}
}

// process makes two trips to Redis: which samples are new, then their windows.
func (s *service) process(ctx context.Context, items []item) error {
	series := make([]string, len(items))
	for i := range items {
		series[i] = items[i].metric.series()
	}
	fresh, err := s.unseen(ctx, items, series)
	if err != nil {
		return err
	}
	reads := make([]*redis.StringSliceCmd, len(items))
	_, err = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range items {
			if !fresh[i] {
				s.duplicate.Add(1)
				continue
			}
			key := windowKey(series[i])
			if s.memory == nil {
				reads[i] = p.LRange(ctx, key, 0, -1)
			}
			p.RPush(ctx, key, items[i].metric.Value)
			p.LTrim(ctx, key, -s.length, -1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range items {
		if !fresh[i] {
			continue
		}
		value := items[i].metric.Value
		var anomalous bool
		if s.memory == nil {
			anomalous = outside(numbers(reads[i].Val()), value, s.sigma)
		} else if anomalous, err = s.memory.put(ctx, series[i], value, s.sigma); err != nil {
			return err
		}
		s.scored.Add(1)
		if anomalous {
			s.anomalies.Add(1)
		}
	}
	return nil
}

// unseen tells which samples have not been seen before, and remembers them.
func (s *service) unseen(ctx context.Context, items []item, series []string) ([]bool, error) {
	fresh := make([]bool, len(items))
	key := func(i int) string {
		return "dedup:" + series[i] + ":" + strconv.FormatInt(items[i].metric.Timestamp, 10)
	}
	if len(items) == 1 {
		var err error
		fresh[0], err = s.redis.SetNX(ctx, key(0), 1, s.ttl).Result()
		return fresh, err
	}
	answers := make([]*redis.BoolCmd, len(items))
	_, err := s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range items {
			answers[i] = p.SetNX(ctx, key(i), 1, s.ttl)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range items {
		fresh[i] = answers[i].Val()
	}
	return fresh, nil
}
