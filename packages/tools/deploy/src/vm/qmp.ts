import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import type { Timers } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'

/** Milliseconds that QEMU may take to answer. */
const ANSWER = 10_000

/** Has a virtual machine do something, by QEMU's own protocol (QMP) on its socket. @throws when nobody answers, or it refuses */
export async function askQemu(socket: string, execute: string, timers: Timers): Promise<void> {
  const connection = createConnection(socket)
  const lines = createInterface(connection)[Symbol.asyncIterator]()
  const failed = new Promise<never>((_, reject) => connection.once('error', reject))
  const answer = async (): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`QEMU did not answer to "${execute}"`)
      const said = JSON.parse(value) as { readonly return?: object; readonly error?: { readonly desc: string } }
      if (said.error !== undefined) throw new Error(`QEMU refused "${execute}": ${said.error.desc}`)
      if (said.return !== undefined) return
    }
  }
  const ask = async (): Promise<void> => {
    for (const command of ['qmp_capabilities', execute]) {
      connection.write(`${JSON.stringify({ execute: command })}\n`)
      await answer()
    }
  }
  try {
    await inTime(timers, ANSWER, Promise.race([ask(), failed]), () => {
      throw new Error(`QEMU did not answer to "${execute}" within ${ANSWER} ms`)
    })
  } finally {
    connection.destroy()
  }
}
