import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '@dure/testing/servers'
import { answered, started } from './process.ts'

/** As little as can answer a question from a database: no routes, no checks, nothing that survives a crash but the rows. */
const program = (file: string, port: number, plus: number): string => `import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
const db = new DatabaseSync(${JSON.stringify(file)})
db.exec('CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text TEXT NOT NULL)')
const count = db.prepare('SELECT COUNT(*) AS count FROM notes')
createServer((_, response) => response.end(JSON.stringify({ count: (count.get() as { count: number }).count + ${plus} }))).listen(${port}, '127.0.0.1')
`

/** @returns milliseconds from the start of the process to its answer */
export async function bareReady(project: string, run: number): Promise<number> {
  const port = await freePort()
  const file = written(project, program(join(project, `bare-${run}.sqlite`), port, 0))
  const { at, alive, stop } = started([file], project)
  try {
    return (await answered({ url: `http://127.0.0.1:${port}`, wanted: '"count":0', alive })) - at
  } finally {
    await stop()
  }
}

/** The same under `node --watch`. @returns milliseconds from each change to its answer */
export async function bareReload(project: string, changes: number): Promise<number[]> {
  const port = await freePort()
  const text = (plus: number): string => program(join(project, 'bare-reload.sqlite'), port, plus)
  const { alive, stop } = started(['--watch', written(project, text(0))], project)
  const url = `http://127.0.0.1:${port}`
  const results: number[] = []
  try {
    await answered({ url, wanted: '"count":0', alive })
    for (let change = 1; change <= changes; change++) {
      await wait(300)
      const at = performance.now()
      written(project, text(change))
      results.push((await answered({ url, wanted: `"count":${change}`, alive })) - at)
    }
    return results
  } finally {
    await stop()
  }
}

function written(project: string, text: string): string {
  const folder = join(project, 'bare')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'server.ts'), text)
  return join(folder, 'server.ts')
}
