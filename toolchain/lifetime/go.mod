module plumbline/toolchain/lifetime

go 1.26
