import { conformanceOn } from './suite.test-support.ts'

await conformanceOn('activemq')
