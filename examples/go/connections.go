package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/oauth"
)

// connect opens a connection to the address in the variable: with TLS where ALPHAPO_TLS_CA is set, with a token where
// ALPHAPO_TOKEN_FILE is.
func connect(variable, fallback string) (*grpc.ClientConn, error) {
	address := environment(variable, fallback)
	authorities := os.Getenv("ALPHAPO_TLS_CA")
	if authorities == "" {
		return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	config, err := tlsConfig(authorities)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))}
	if path := os.Getenv("ALPHAPO_TOKEN_FILE"); path != "" {
		token, err := secret(path)
		if err != nil {
			return nil, err
		}
		source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
		options = append(options, grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: source}))
	}
	return grpc.NewClient(address, options...)
}

// kafkaOptions has TLS where KAFKA_TLS_CA is set, and SCRAM-SHA-512 where KAFKA_USERNAME is, too.
func kafkaOptions() ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(environment("KAFKA_BROKERS", "localhost:9092"), ",")...)}
	if authorities := os.Getenv("KAFKA_TLS_CA"); authorities != "" {
		config, err := tlsConfig(authorities)
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	if user := os.Getenv("KAFKA_USERNAME"); user != "" {
		password, err := secret(os.Getenv("KAFKA_PASSWORD_FILE"))
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	}
	return options, nil
}

// tlsConfig trusts the authorities of a PEM file.
func tlsConfig(path string) (*tls.Config, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return &tls.Config{RootCAs: authorities}, nil
}

func secret(path string) (string, error) {
	content, err := os.ReadFile(path)
	return strings.TrimSpace(string(content)), err
}

func environment(variable, fallback string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return fallback
}
