import { requestsOn } from './suite.test-support.ts'

await requestsOn('activemq')
