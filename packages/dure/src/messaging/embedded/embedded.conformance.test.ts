import { brokerConformance } from '../broker.conformance.ts'
import { EMBEDDED } from './capabilities.ts'
import { embeddedBroker } from './embedded.ts'

brokerConformance('embedded broker', embeddedBroker(), EMBEDDED)
