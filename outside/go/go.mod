module switchyard/outside/go

go 1.19
