/** A process that starts on a store where many sagas sleep: how long until it is ready, and what it takes of memory. */
import { openShop } from './own.ts'

const { SAGA_URL: url, SAGA_FOLDER: folder } = process.env as Record<string, string>
const running = await openShop(url, folder!)
const ready = process.uptime() * 1_000
globalThis.gc?.()
process.send!({ ready, mb: process.memoryUsage().rss / 2 ** 20 })
process.once('message', () => void running.stop().finally(() => process.exit()))
process.on('disconnect', () => process.exit())
