import { realRuntime } from 'dure/runtime'
import { redisRateLimit } from './redis.ts'

/** A process that takes what it gets of a limit, as often as it is told, with its clocks set back in between. */
const { url, rate, per, times } = JSON.parse(process.argv[2]!) as { url: string; rate: number; per: number; times: number }
const runtime = realRuntime()
let back = 0
const clock = { now: () => runtime.clock.now() - back, monotonic: () => runtime.clock.monotonic() }
const now = Date.now.bind(Date)
Date.now = () => now() - back
const limit = redisRateLimit({ url, name: 'shared', rate, per, timeout: 30_000, runtime: { ...runtime, clock } })
process.once('message', () => {
  void (async () => {
    let taken = 0
    for (let i = 0; i < times; i++) {
      back = i * 3_600_000
      if ((await limit.take('k')).ok) taken++
    }
    limit.close()
    process.send!({ taken })
    process.disconnect?.()
  })()
})
process.send!({ ready: true })
