import { processesOn } from './suite.test-support.ts'

await processesOn('activemq')
