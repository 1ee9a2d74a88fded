module dure.example/gateway

go 1.22
