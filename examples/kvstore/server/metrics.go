package server

// Figures for Prometheus: GET /metrics. Requests are counted as they end, everything else is read when it is asked for.

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what the API counts, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kvstore_http_requests_total", Help: "HTTP requests of clients that were answered, by route and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kvstore_http_request_duration_seconds", Help: "Seconds from the beginning of an HTTP request of a client to the end of its answer, by route; streams are not counted.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
		}, []string{"route"}),
	}
	m.registry.MustRegister(m.requests, m.duration, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// observe counts a request.
func (m *metrics) observe(e *endpoint, status int, took time.Duration) {
	m.requests.WithLabelValues(e.name, strconv.Itoa(status)).Inc()
	if !e.stream {
		m.duration.WithLabelValues(e.name).Observe(took.Seconds())
	}
}

func (a *api) handleMetrics(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	a.metrics.handler.ServeHTTP(w, r.Request)
	return nil
}
