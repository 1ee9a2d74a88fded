import fastify from 'fastify'
import { order } from '../../work.ts'

const call = async () => {
  const answer = await fetch('http://orders.plt.local/place', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  })
  return answer.json()
}

/** Another application calls from its own thread, as those of Watt do; it measures by itself. */
export function create() {
  const app = fastify()
  app.get('/round', async ({ query }) => {
    const [calls, inFlight] = [Number(query.calls), Number(query.inFlight)]
    let left = calls
    const caller = async () => {
      while (left-- > 0) await call()
    }
    const begun = performance.now()
    await Promise.all(Array.from({ length: inFlight }, caller))
    const perSecond = (calls / (performance.now() - begun)) * 1_000
    const alone = performance.now()
    for (let i = 0; i < calls / 40; i++) await call()
    return { perSecond, us: ((performance.now() - alone) * 1_000) / (calls / 40) }
  })
  return app
}
