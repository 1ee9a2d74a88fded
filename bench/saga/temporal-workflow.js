/** Bundled by the worker. */
import { proxyActivities } from '@temporalio/workflow'

const { write } = proxyActivities({ startToCloseTimeout: '1 minute' })

export async function checkout(name) {
  for (const step of ['order', 'stock', 'pay']) await write(name, step)
  return name
}
