package main

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// result is what a phase saw. Samples are those of requests that were answered 2xx.
type result struct {
	Seconds  float64            `json:"seconds"`
	Requests int64              `json:"requests"`
	Samples  int64              `json:"samples"`
	Codes    map[string]int64   `json:"codes"`
	Latency  map[string]float64 `json:"latency_ms"`
}

type report struct {
	Warm       result             `json:"warm"`
	Measured   result             `json:"measured"`
	CPUSeconds map[string]float64 `json:"cpu_seconds"`
	RSSBytes   map[string]int64   `json:"rss_bytes"`
	Before     []string           `json:"before"` // scraped
	After      []string           `json:"after"`
}

func run(o *options, senders []*sender, watched []process) (*report, error) {
	warmEnd := time.Now().Add(o.warm)
	warm, err := phase(senders, func(s *sender) error {
		for time.Now().Before(warmEnd) || !s.warm() {
			if err := s.send(time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	pagesBefore, err := scrape(o.scraped)
	if err != nil {
		return nil, err
	}
	before, err := cpuSeconds(watched)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	end := start.Add(o.measure)
	measured, err := phase(senders, func(s *sender) error {
		if o.rate > 0 {
			return s.openLoop(start, end)
		}
		for time.Now().Before(end) {
			if err := s.send(time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	after, err := cpuSeconds(watched)
	if err != nil {
		return nil, err
	}
	for name := range after {
		after[name] -= before[name]
	}
	resident := residentBytes(watched)
	pagesAfter, err := scrape(o.scraped)
	return &report{warm, measured, after, resident, pagesBefore, pagesAfter}, err
}

// phase lets every sender work and returns when all of them have all their answers.
func phase(senders []*sender, work func(*sender) error) (result, error) {
	started := time.Now()
	failures := make([]error, len(senders))
	var all sync.WaitGroup
	for i, s := range senders {
		s.forget()
		all.Go(func() { failures[i] = work(s) })
	}
	all.Wait()
	total := result{Seconds: time.Since(started).Seconds(), Codes: map[string]int64{}}
	var latencies []float64
	for _, s := range senders {
		total.Requests += s.requests
		total.Samples += s.samples
		for code, n := range s.codes {
			total.Codes[code] += n
		}
		latencies = append(latencies, s.latencies...)
	}
	total.Latency = quantiles(latencies)
	return total, errors.Join(failures...)
}

func quantiles(ms []float64) map[string]float64 {
	out := map[string]float64{}
	if len(ms) == 0 {
		return out
	}
	slices.Sort(ms)
	for name, q := range map[string]float64{"p50": .5, "p90": .9, "p99": .99, "p999": .999, "max": 1} {
		out[name] = ms[int(q*float64(len(ms)-1))]
	}
	return out
}
