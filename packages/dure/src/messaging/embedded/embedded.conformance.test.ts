import { brokerConformance } from '../broker.conformance.ts'
import { embeddedBroker } from './embedded.ts'

brokerConformance('embedded broker', embeddedBroker(), {
  replay: true,
  persistent: true,
  browse: true,
  queues: true,
  delay: true,
  dead: true,
})
