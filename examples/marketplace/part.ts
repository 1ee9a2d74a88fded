/**
 * One process of a marketplace that is split: started by `npm start -- --split` with the flags of the whole, and told by
 * its environment which part it is. The part with the doors sees to the data as well.
 */
import { resolve } from 'node:path'
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { joinSupervisor, type Supervised } from 'dure/supervisor'
import { BROKER, brokerOf } from './brokers.ts'
import { DATABASE, storesOf } from './databases.ts'
import { doorsOf } from './doors.ts'
import { marketplaceFlags } from './flags.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { PART, PROVIDER } from './split.ts'
import { marketplace } from './system.ts'
import { log, messageOf, say, warn } from './voice.ts'
import { welcome } from './welcome.ts'

async function main(supervised: Supervised): Promise<void> {
  const flags = marketplaceFlags(process.argv.slice(2))!
  const part = process.env[PART]!.split(',')
  const provider = httpProvider({ url: process.env[PROVIDER]! })
  const system = marketplace({
    provider,
    checkout: flags.checkout,
    readModel: flags.model,
    insight: flags.insight,
    witness: flags.witness,
    ...(await doorsOf(flags)),
    ...storesOf(flags, process.env[DATABASE]),
    broker: await brokerOf(flags, process.env[BROKER]),
  })
  if (!(await supervised.loaded())) {
    await provider.close()
    return supervised.leave()
  }
  const directory = resolve(flags.data)
  // Who waits for others has nothing else that would keep the process.
  const alive = keepAlive()
  const running = await start(system, { directory, part, log, sockets: supervised.sockets, copy: supervised.copy })
  supervised.placing(running.place)
  try {
    const stopping = new AbortController()
    void supervised.stopped.then(() => stopping.abort())
    const url = running.doors.find((door) => door.url !== undefined)?.url
    if (url === undefined) supervised.ready()
    else {
      const { prepareData } = await import('./data/prepare.ts')
      await prepareData({ host: running, flags, directory, say, log, signal: stopping.signal })
      if (!stopping.signal.aborted) supervised.ready({ welcome: await welcome({ running, url, flags }) })
    }
    await supervised.stopped
  } finally {
    await running.stop(supervised.manner())
    await provider.close()
    alive.stop()
    supervised.leave()
  }
}

const supervised = joinSupervisor()
try {
  if (supervised === undefined) throw new Error('Cannot run a part of the marketplace by itself: use "npm start -- --split"')
  await main(supervised)
} catch (error) {
  warn(messageOf(error))
  process.exitCode = 1
  supervised?.leave()
}
