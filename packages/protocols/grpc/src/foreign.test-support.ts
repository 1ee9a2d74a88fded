/** `npm run peers -- grpc`: programs of others on a door of ours, one line a check. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { protoDocument } from './grpc.ts'
import { Orders, shop } from './shop.test-support.ts'

const [python, ...others] = process.argv.slice(2)
const { address, running } = await shop(undefined)
const folder = mkdtempSync(join(tmpdir(), 'dure-grpc-peers-'))
let well = true
try {
  const { file, text } = protoDocument(Orders)
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
  await ask(python!, [join(import.meta.dirname, '../../../../checks/judges/grpc_calls.py'), address, folder])
  for (const program of others) await ask(program, [address])
} finally {
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = well ? 0 : 1

async function ask(program: string, words: readonly string[]): Promise<void> {
  const [code] = (await once(spawn(program, words, { stdio: 'inherit' }), 'close')) as [number]
  well &&= code === 0
}
