import { embeddedBroker } from '../messaging/messaging.ts'
import { streamConformance } from './quiet.conformance.ts'

streamConformance('embedded', embeddedBroker({ durability: 'process', partitions: 8 }))
