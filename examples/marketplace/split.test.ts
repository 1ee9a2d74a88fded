import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const SMALL = ['--port', '0', '--products', '20', '--customers', '10', '--durability', 'process']

test(
  'npm start -- --split is ready as one process is, its commands work, and it stops cleanly',
  { timeout: 240_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'marketplace-split-'))
    const words = ['--conditions=source', MAIN, '--split', ...SMALL, '--data', folder]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      let [out, err] = ['', '']
      child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text))
      child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
      while (!/^ready$/m.test(out) || !out.includes('curl -s http')) {
        assert.equal(child.exitCode, null, err)
        await once(child.stdout, 'data')
      }
      const { processes } = JSON.parse(readFileSync(join(folder, 'supervisor.json'), 'utf8')) as { processes: { name: string }[] }
      assert.equal(processes.length, 11)
      for (const [, method, at, body] of out.matchAll(/curl -s -X (\w+) (\S+) .* -d '(.*)'/g)) {
        const answer = await fetch(at!, { method: method!, body: body!, headers: { 'content-type': 'application/json' } })
        assert.equal(answer.status, 202, await answer.text())
      }
      const url = /http:\/\/[\d.:]+/.exec(out)![0]
      let status = ''
      while (status !== 'READY_FOR_SHIPMENT') {
        const [order] = (await (await fetch(`${url}/order/1`)).json()) as { status: string }[]
        status = order?.status ?? ''
      }
      child.kill('SIGTERM')
      const [code] = (await once(child, 'close')) as [number | null]
      assert.equal(code, 0, err)
      assert.ok(!existsSync(join(folder, 'supervisor.json')))
    } finally {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
