package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/golang/snappy"
)

var contentType = map[string]string{
	"one":    "application/json",
	"array":  "application/json",
	"ndjson": "application/x-ndjson",
	"influx": "text/plain",
	"prw":    "application/x-protobuf",
}

// body makes the bodies of one sender: its series in turn, values around 20 with deviation 1.
type body struct {
	o       *options
	numbers []int
	devices []string
	times   []int64
	labels  [][]byte // of remote write, encoded
	at      int
	turns   int // how often every series was sent
	random  *rand.Rand
	text    []byte
	message []byte
}

func newBody(o *options, number int) *body {
	b := &body{o: o, random: rand.New(rand.NewPCG(uint64(number), uint64(o.startMs)))}
	for i := number; i < o.series; i += o.connections {
		if o.every > 0 && i%o.every >= o.first {
			continue
		}
		device := fmt.Sprintf("device-%05d", i)
		b.numbers = append(b.numbers, i)
		b.devices = append(b.devices, device)
		b.times = append(b.times, o.startMs)
		var labels []byte
		for _, label := range [][2]string{
			{"__name__", "temperature"}, {"device_id", device}, {"instance", "10.0.0.1:9100"},
			{"job", "edge"}, {"site", "plant-7"},
		} {
			pair := appendField(appendField(nil, 1, []byte(label[0])), 2, []byte(label[1]))
			labels = appendField(labels, 1, pair)
		}
		b.labels = append(b.labels, labels)
	}
	return b
}

// next returns the next request's body, valid until the following call, and its samples. Runs of
// a series are not cut, so there may be more than -batch; fewer if it is to end with the turn, that
// is after the last series.
func (b *body) next(endWithTurn bool) ([]byte, int) {
	b.text, b.message = b.text[:0], b.message[:0]
	if b.o.format == "array" {
		b.text = append(b.text, '[')
	}
	sent, turns := 0, b.turns
	for sent < b.o.batch && !(endWithTurn && b.turns > turns) {
		i := b.at
		var encoded []byte
		if b.o.format == "prw" {
			encoded = append(encoded, b.labels[i]...)
		}
		run := b.o.perSeries
		if b.o.spread > 0 {
			run += b.numbers[i] % b.o.spread
		}
		for range run {
			b.times[i] += b.o.stepMs
			value := math.Round((20+b.random.NormFloat64())*1000) / 1000
			if b.o.format == "array" && sent > 0 {
				b.text = append(b.text, ',')
			}
			switch b.o.format {
			case "influx":
				b.appendLine(i, value)
			case "prw":
				encoded = appendSample(encoded, b.times[i], value)
			default:
				b.appendObject(i, value)
			}
			if b.o.format == "ndjson" {
				b.text = append(b.text, '\n')
			}
			sent++
		}
		if b.o.format == "prw" {
			b.message = appendField(b.message, 1, encoded)
		}
		b.at++
		if b.at == len(b.devices) {
			b.at = 0
			b.turns++
		}
	}
	switch b.o.format {
	case "array":
		b.text = append(b.text, ']')
	case "prw":
		b.text = snappy.Encode(b.text[:cap(b.text)], b.message)
	}
	return b.text, sent
}

func (b *body) appendObject(i int, value float64) {
	b.text = append(b.text, `{"device_id":"`...)
	b.text = append(b.text, b.devices[i]...)
	b.text = append(b.text, `","metric":"temperature","timestamp":`...)
	b.text = strconv.AppendInt(b.text, b.times[i], 10)
	b.text = append(b.text, `,"value":`...)
	b.text = strconv.AppendFloat(b.text, value, 'g', -1, 64)
	b.text = append(b.text, '}')
}

func (b *body) appendLine(i int, value float64) {
	b.text = append(b.text, `sensors,device_id=`...)
	b.text = append(b.text, b.devices[i]...)
	b.text = append(b.text, `,job=edge,site=plant-7 temperature=`...)
	b.text = strconv.AppendFloat(b.text, value, 'g', -1, 64)
	b.text = append(b.text, ' ')
	b.text = strconv.AppendInt(b.text, b.times[i]*1_000_000, 10)
	b.text = append(b.text, '\n')
}

// appendSample appends prometheus.TimeSeries.samples: double value = 1, int64 timestamp = 2.
func appendSample(to []byte, ms int64, value float64) []byte {
	var sample [24]byte
	sample[0] = 1<<3 | 1
	binary.LittleEndian.PutUint64(sample[1:], math.Float64bits(value))
	sample[9] = 2 << 3
	n := binary.PutUvarint(sample[10:], uint64(ms))
	return appendField(to, 2, sample[:10+n])
}

// appendField appends a length-delimited protobuf field.
func appendField(to []byte, number int, content []byte) []byte {
	to = append(to, byte(number<<3|2))
	to = binary.AppendUvarint(to, uint64(len(content)))
	return append(to, content...)
}
