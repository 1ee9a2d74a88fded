import type { Inlet } from './links.ts'
import type { Line } from './line.ts'
import type { Server } from './server.ts'
import type { Wire } from './wire.ts'

/** A consumer that takes nothing: the server counts it as a member. */
export async function beThere(line: Line, server: Server, queue: string): Promise<{ readonly end: () => Promise<void> }> {
  let isThere = true
  const open = async (wire: Wire): Promise<Inlet | undefined> => {
    const inlet = await wire.inlet({ source: server.queueSource(queue), arrived: () => {} })
    if (isThere) return inlet
    await inlet.close()
    return undefined
  }
  let inlet = open(await line.wire())
  await inlet
  const unlisten = line.listen({
    opened: (wire) => {
      inlet = open(wire)
      inlet.catch(() => {})
    },
  })
  return {
    end: async () => {
      isThere = false
      unlisten()
      await inlet.then((one) => one?.close()).catch(() => {})
    },
  }
}
