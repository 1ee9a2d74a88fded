/** The counter of desk.test-support.ts, before a broker that has no place for some orders. */
import { CallError } from 'dure/contract'
import { embeddedBroker } from 'dure/messaging'
import { system, type System } from 'dure/service'
import { counter } from './desk.test-support.ts'

export const choosy: System = system('choosy', {
  services: counter.services,
  database: counter.database,
  broker: async (world) => {
    const broker = await embeddedBroker({ durability: 'process' })(world)
    return {
      ...broker,
      publish: async (messages) => {
        const index = messages.findIndex(({ data }) => data.includes('"quantity":99'))
        if (index < 0) return broker.publish(messages)
        throw new CallError('INVALID_ARGUMENT', 'No topic takes 99', { details: { index, id: messages[index]!.id } })
      },
    }
  },
})
