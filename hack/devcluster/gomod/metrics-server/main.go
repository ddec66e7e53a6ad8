// Command metrics-server is upstream's server with a command of our own: upstream's does not
// compile with the libraries of the Kubernetes that the cluster runs, and sharing those libraries
// saves a machine minutes of building. It always trusts the kubelet's self-made certificate.
package main

import (
	"log"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/metrics-server/pkg/api"
	generatedopenapi "sigs.k8s.io/metrics-server/pkg/api/generated/openapi"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/server"
)

const (
	port       = 10250
	resolution = 15 * time.Second
)

func main() {
	serving, err := apiServer()
	if err != nil {
		log.Fatal(err)
	}
	cluster, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	kubelets := *rest.CopyConfig(cluster)
	kubelets.TLSClientConfig = rest.TLSClientConfig{Insecure: true}
	complete, err := server.Config{
		Apiserver: serving,
		Rest:      cluster,
		Kubelet: &client.KubeletClientConfig{
			Client:              kubelets,
			AddressTypePriority: []corev1.NodeAddressType{corev1.NodeInternalIP},
			Scheme:              "https",
			DefaultPort:         10250,
			UseNodeStatusPort:   true,
		},
		MetricResolution: resolution,
		ScrapeTimeout:    10 * time.Second,
	}.Complete()
	if err != nil {
		log.Fatal(err)
	}
	if err := complete.RunUntil(genericapiserver.SetupSignalHandler()); err != nil {
		log.Fatal(err)
	}
}

// apiServer returns the aggregated API server's configuration: delegated authentication and
// authorization, a certificate made at start.
func apiServer() (*genericapiserver.Config, error) {
	config := genericapiserver.NewConfig(api.Codecs)
	serving := genericoptions.NewSecureServingOptions().WithLoopback()
	serving.BindPort = port
	serving.ServerCert.CertDirectory = "/tmp"
	self := []net.IP{net.ParseIP("127.0.0.1")}
	if err := serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, self); err != nil {
		return nil, err
	}
	if err := serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	authentication := genericoptions.NewDelegatingAuthenticationOptions()
	if err := authentication.ApplyTo(&config.Authentication, config.SecureServing, nil); err != nil {
		return nil, err
	}
	authorization := genericoptions.NewDelegatingAuthorizationOptions()
	if err := authorization.ApplyTo(&config.Authorization); err != nil {
		return nil, err
	}
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	namer := openapinamer.NewDefinitionNamer(api.Scheme)
	definitions := generatedopenapi.GetOpenAPIDefinitions
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	return config, nil
}
