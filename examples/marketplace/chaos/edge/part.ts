/** One process of the run: the broker, or a copy of the carts. */
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { joinSupervisor, type Supervised } from 'dure/supervisor'
import { log, messageOf, warn } from '../../voice.ts'
import { edgeMarketplace } from './shop.ts'
import type { Work } from './work.ts'

async function main(supervised: Supervised): Promise<void> {
  const [directory, database, part, work] = JSON.parse(process.argv[2]!) as [string, string, string, Work]
  const system = edgeMarketplace({ database, work })
  if (!(await supervised.loaded())) return supervised.leave()
  const alive = keepAlive()
  const running = await start(system, { directory, part: [part], log, copy: supervised.copy })
  supervised.ready()
  await supervised.stopped
  await running.stop(supervised.manner())
  alive.stop()
  supervised.leave()
}

const supervised = joinSupervisor()
try {
  if (supervised === undefined) throw new Error('Cannot run a part by itself: use "npm run chaos -- edge"')
  await main(supervised)
} catch (error) {
  warn(messageOf(error))
  process.exitCode = 1
  supervised?.leave()
}
