package main

import (
	"fmt"
	"io"
	"net/http"
)

// scrape gets each page, as Prometheus would.
func scrape(urls []string) ([]string, error) {
	pages := []string{}
	for _, url := range urls {
		answer, err := http.Get(url)
		if err != nil {
			return nil, err
		}
		page, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return nil, err
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", url, answer.Status)
		}
		pages = append(pages, string(page))
	}
	return pages, nil
}
