import { databaseConformance } from 'dure/data/conformance'
import { embeddedBroker } from 'dure/messaging'
import { brokerConformance } from 'dure/messaging/conformance'
import { realProcess } from '../real.test-support.ts'
import { simulatedBroker } from './broker.ts'

databaseConformance('simulated database', new URL('./database.test-support.ts', import.meta.url))

const capabilities = {
  log: true,
  replay: true,
  browse: true,
  age: true,
  ordered: true,
  topics: true,
  queues: true,
  durable: true,
}

brokerConformance(
  'simulated broker',
  (world) =>
    simulatedBroker({
      process: realProcess(world.runtime),
      adapter: embeddedBroker({ durability: 'process' }),
      fate: { unavailable: () => false, answerLost: () => false, again: () => false, delay: () => 0, sometimes: () => {} },
    })(world),
  capabilities,
)

brokerConformance(
  'simulated broker, batches late and publishing broken off',
  async (world) => {
    // What is to be lost with a message befalls the step that publishes it: refused, or done without an answer.
    let broken = false
    let steps = 0
    const breaksOff = (): boolean => broken && !(broken = false)
    const broker = await simulatedBroker({
      process: realProcess(world.runtime),
      adapter: embeddedBroker({ durability: 'process' }),
      fate: {
        unavailable: () => steps % 2 === 0 && breaksOff(),
        answerLost: () => breaksOff(),
        again: () => false,
        delay: () => world.runtime.random.number() * 4,
        sometimes: () => {},
      },
    })(world)
    return {
      ...broker,
      publish: (messages) => {
        broken = messages.some(world.loses)
        steps++
        return broker.publish(messages)
      },
    }
  },
  capabilities,
)
