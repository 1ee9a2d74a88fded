import { embeddedBroker } from '../messaging/messaging.ts'
import { requestConformance } from './requests.conformance.ts'

requestConformance('embedded broker', async (world) => embeddedBroker()(world))
