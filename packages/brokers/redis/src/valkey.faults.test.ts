import { faultsOn } from './faults.test-support.ts'

faultsOn('valkey')
