import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { buildImage, type Image, type ImageOptions } from './image/image.ts'

/** A program for Linux that is smaller than Node, so that a base is made at once. */
export const SMALL = '/bin/true'

export function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

const LOCK = {
  name: 'shop',
  lockfileVersion: 3,
  packages: {
    '': { name: 'shop', version: '1.2.3', dependencies: { one: '1.0.0', node: '26.0.0' }, devDependencies: { tool: '1.0.0' } },
    'node_modules/one': { version: '1.0.0', license: 'MIT', integrity: 'sha512-AAEC', dependencies: { two: '^2.0.0' } },
    'node_modules/one/node_modules/two': { version: '2.0.0', optionalDependencies: { windows: '1.0.0' } },
    'node_modules/two': { version: '1.0.0', dev: true },
    'node_modules/tool': { version: '1.0.0', dev: true, dependencies: { two: '1.0.0' } },
    'node_modules/node': { version: '26.0.0' },
    'node_modules/windows': { version: '1.0.0', optional: true, os: ['win32'] },
  },
}

/** A project with a package that needs another, one for development, and one for another system; all as its lock says. */
export function project(t: TestContext, change: Readonly<Record<string, string>> = {}): string {
  const folder = temporary(t)
  write(folder, {
    'package.json': JSON.stringify({ name: 'shop', version: '1.2.3', type: 'module' }),
    'package-lock.json': JSON.stringify(LOCK),
    'main.js': 'console.log("shop")\n',
    'src/shop.js': 'export const shop = 1\n',
    'src/shop.test.js': 'throw new Error("not for production")\n',
    '.env': 'PASSWORD=1234\n',
    ...Object.fromEntries(
      Object.entries(LOCK.packages)
        .filter(([path]) => path !== '' && path !== 'node_modules/windows')
        .flatMap(([path, { version }]) => [
          [`${path}/package.json`, JSON.stringify({ version })],
          [`${path}/index.js`, `export const version = '${version}'\n`],
        ]),
    ),
    ...change,
  })
  return folder
}

export function built(t: TestContext, folder: string, more: Partial<ImageOptions> = {}): Promise<Image> {
  return buildImage({ folder, layout: join(temporary(t), 'layout'), program: ['main.js'], node: SMALL, ...more })
}
