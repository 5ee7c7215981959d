// In place of a module that cannot be had from registries: see v20170312/vpc.go.
module github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/vpc

go 1.26.0
