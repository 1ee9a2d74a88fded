/** REDbot, which checks answers against HTTP's specifications, on nginx: straight, and through the gateway. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { check } from '@dure/testing/foreign'
import { freePort } from '@dure/testing/servers'
import { begin, beginGateway, end } from './processes.test-support.ts'

const PAGES = ['a.html', 'picture.png', 'none']

/** Serves pages with all that clients may ask for: validators, ranges, compression, how long they are fresh. */
const nginxConf = (folder: string, port: number): string => `
daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr notice;
events {}
http {
  access_log off; gzip on; gzip_vary on; gzip_proxied any;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  types { text/html html; image/png png; }
  server { listen 127.0.0.1:${port}; root ${folder}/site; add_header Cache-Control "max-age=60" always; }
}`

export async function askRedbot(options: {
  readonly folder: string
  readonly nginx: string
  readonly redbot: string
}): Promise<void> {
  const folder = join(options.folder, 'redbot')
  mkdirSync(join(folder, 'site'), { recursive: true })
  for (const [name, body] of [
    ['a.html', `<p>${'hello '.repeat(2_000)}</p>`],
    ['picture.png', '\x89PNG'.repeat(1_000)],
  ] as const) {
    writeFileSync(join(folder, 'site', name), body)
    utimesSync(join(folder, 'site', name), 1_700_000_000, 1_700_000_000)
  }
  const port = await freePort()
  writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, port))
  const nginx = await begin(options.nginx, ['-c', join(folder, 'nginx.conf')], /start|using/)
  const gateway = await beginGateway(folder, {
    routes: { all: { prefix: '/', to: 'nginx' } },
    upstreams: { nginx: { addresses: [`127.0.0.1:${port}`] } },
  })
  /** What it has to say, without the numbers of seconds. */
  const notes = async (url: string): Promise<readonly string[]> => {
    const { stdout } = await promisify(execFile)(options.redbot, ['-o', 'text', url], { timeout: 60_000 })
    return [...stdout.matchAll(/^ +\* (.+)$/gm)]
      .map(([, note]) => note!.replace(/\d+ (?:second|minute)s?/g, 'some time'))
      .toSorted()
  }
  let count = 0
  await check('REDbot has the same to say of nginx straight and through the gateway', async () => {
    for (const page of PAGES) {
      const [straight, through] = [await notes(`http://127.0.0.1:${port}/${page}`), await notes(`${gateway.url}/${page}`)]
      assert.ok(straight.length > 2, straight.join('\n'))
      assert.deepEqual(through, straight)
      count += straight.length
    }
  })
  console.log(`  ${count} notes of ${PAGES.length} pages`)
  await end(gateway.child)
  await end(nginx.child)
}
