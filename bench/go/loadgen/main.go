// loadgen sends samples over raw HTTP/1.1 connections and reads the CPU time of named processes.
//
// Every connection has its own series. Timestamps of a series only grow, by -step-ms a sample from
// -start-ms on, so that no sample is late or a duplicate as long as a series gets fewer samples a
// second than it has steps.
//
// Two phases: the warm-up, a closed loop that lasts until every series was sent once to every target
// that may get it and -warm is over; then, when all its answers are in, the measurement, closed loop
// or, with -rate, open loop with latency counted from the scheduled time. It, too, ends when all
// answers are in, so that CPU time and samples are those of exactly the same requests. One JSON
// object goes to standard output.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"os"
	"strings"
	"time"
)

type options struct {
	targets     []string
	pinned      bool
	path        string
	format      string
	connections int
	series      int
	batch       int
	perSeries   int
	spread      int
	every       int
	first       int
	stepMs      int64
	startMs     int64
	rate        float64
	warm        time.Duration
	measure     time.Duration
	scraped     []string
}

func main() {
	var o options
	targets := flag.String("targets", "", "host:port, several with commas between")
	pick := flag.String("pick", "random", "which of several targets a request goes to: random, or "+
		"pinned: the same one for all requests of a connection")
	flag.StringVar(&o.path, "path", "", "path of the requests")
	flag.StringVar(&o.format, "format", "one", "one, array, ndjson, influx or prw")
	flag.IntVar(&o.connections, "connections", 64, "keep-alive connections")
	flag.IntVar(&o.series, "series", 10000, "series over all connections")
	flag.IntVar(&o.batch, "batch", 500, "samples a request (format one: always 1)")
	flag.IntVar(&o.perSeries, "per-series", 1, "samples of a series in a request, in a row")
	flag.IntVar(&o.spread, "spread", 0, "series i sends i modulo this more in a row")
	flag.IntVar(&o.every, "every", 0, "of so many series in a row, send -first only; 0: send all")
	flag.IntVar(&o.first, "first", 0, "see -every")
	flag.Int64Var(&o.stepMs, "step-ms", 1, "milliseconds between samples of a series")
	flag.Int64Var(&o.startMs, "start-ms", 0, "first timestamp, Unix milliseconds; 0: now")
	flag.Float64Var(&o.rate, "rate", 0, "requests/s over all connections; 0: closed loop")
	warm := flag.Float64("warm", 1, "shortest warm-up, seconds")
	measure := flag.Float64("measure", 3, "seconds in which measured requests start")
	scraped := flag.String("scrape", "", "URL,... to get before and after the measurement")
	pids := flag.String("pids", "", "name=pid,... whose CPU time and memory to read")
	flag.Parse()
	o.targets = strings.Split(*targets, ",")
	if *scraped != "" {
		o.scraped = strings.Split(*scraped, ",")
	}
	o.pinned = *pick == "pinned"
	o.warm = time.Duration(*warm * float64(time.Second))
	o.measure = time.Duration(*measure * float64(time.Second))
	if o.startMs == 0 {
		o.startMs = time.Now().UnixMilli()
	}
	if o.format == "one" {
		o.batch = 1
	}
	watched, err := parsePids(*pids)
	if err != nil {
		log.Fatal(err)
	}
	if o.series < o.connections || o.batch < 1 || o.perSeries < 1 || contentType[o.format] == "" {
		log.Fatal("-series must be at least -connections, -batch and -per-series positive, " +
			"-format known")
	}
	senders := make([]*sender, o.connections)
	for i := range senders {
		senders[i] = newSender(&o, i)
		if len(senders[i].body.devices) == 0 {
			log.Fatal("a connection has no series: fewer connections, or more of -series or -first")
		}
	}
	report, err := run(&o, senders, watched)
	if err != nil {
		log.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(report)
}
