import type { Command, RouteMap } from '@stricli/core'
import { resolve } from 'node:path'
import type { Release } from '@dure/deploy'
import { counted } from '../format.ts'
import { loadSystem } from '../load.ts'
import { say, type Shell } from '../shell.ts'
import { defineCommand, defineRoutes, jsonFlag, printResult, systemParameter } from './parameters.ts'
import { deploy, told } from './deploy-library.ts'

type WriteFlags = { readonly image: string; readonly version: string; readonly out: string; readonly json?: boolean }

const writeCommand: Command<Shell> = defineCommand({
  brief: 'Write down a release: an image, and what its services promise and need',
  help: `
        Writes a release: the digest of the image, and of each service its contract, what it needs and hears, its migrations and the schema of its
        settings. It is known by its digest and does not change: a file with another release is not written over.`,
  examples: ['dure release write --version 1.4.0 --image registry.example.org/shop@sha256:…'],
  flags: {
    image: { kind: 'parsed', parse: String, placeholder: '[NAME@]sha256:…', brief: 'As dure image build or push prints it' },
    version: { kind: 'parsed', parse: String, placeholder: 'VERSION', brief: 'Of the release' },
    out: { kind: 'parsed', parse: String, default: 'release.json', placeholder: 'FILE', brief: 'Write to this file' },
    json: jsonFlag,
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: WriteFlags, file?: string): Promise<void> {
    const { describeRelease, writeRelease } = await deploy()
    const { system } = await loadSystem(file, this.cwd)
    const { image, version, out } = flags
    const at = image.lastIndexOf('@')
    const named = { digest: image.slice(at + 1), ...(at > 0 && { reference: image }) }
    const release = await told(async () => {
      const one = describeRelease(system, { version, image: named })
      writeRelease(resolve(this.cwd, out), one)
      return one
    })
    say(this, `Wrote ${out}`)
    printResult(this, flags, release, () => releaseText(release))
  },
})

const showCommand: Command<Shell> = defineCommand({
  brief: 'Read a release, and see that nobody has changed it',
  help: 'Reads a release and shows what it is. Exits with 1 when its content is not what its digest says.',
  examples: ['dure release show', 'dure release show releases/1.4.0.json --json'],
  flags: { json: jsonFlag },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'FILE', brief: 'The release (default release.json)' }],
  },
  async func(this: Shell, flags: { readonly json?: boolean }, file?: string): Promise<void> {
    const { readRelease } = await deploy()
    const release = await told(async () => readRelease(resolve(this.cwd, file ?? 'release.json')))
    printResult(this, flags, release, () => releaseText(release))
  },
})

export const releaseCommands: RouteMap<Shell> = defineRoutes({
  routes: { write: writeCommand, show: showCommand },
  brief: 'Write down releases, and read them',
  help: `
        A release is what is deployed: an image by its digest, and what its services promise and need.`,
  examples: ['dure release write --version 1.4.0 --image registry.example.org/shop@sha256:…', 'dure release show'],
})

function releaseText({ system, version, digest, image, services, configuration }: Release): string {
  const width = Math.max(...services.map(({ service }) => service.length))
  return [
    `${system} ${version}`,
    `Image    ${image.reference ?? image.digest}`,
    ...services.map(
      ({ service, version: own, migrations }) =>
        `  ${service.padEnd(width)}  ${own}  ${counted(Object.keys(migrations).length, 'migration')}${configuration[service] === undefined ? '' : ', settings'}`,
    ),
    digest,
  ].join('\n')
}
