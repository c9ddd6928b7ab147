module realmkeep.test/app

go 1.26
