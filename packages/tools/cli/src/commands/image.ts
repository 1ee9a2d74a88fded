import type { Command, RouteMap } from '@stricli/core'
import { mkdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Image } from '@dure/deploy'
import { bytesText, counted } from '../format.ts'
import { loadSystem, systemFile } from '../load.ts'
import { nearest } from '../project.ts'
import { CliError, EXIT, say, type Shell } from '../shell.ts'
import { defineCommand, defineRoutes, jsonFlag, printResult, switchFlag, textFlag } from './parameters.ts'
import { deploy, told } from './deploy-library.ts'
import { readWords } from './start.ts'

type Where = { readonly json?: boolean; readonly layout?: string; readonly tag?: string }
type BuildFlags = Where & {
  readonly output?: string
  readonly program?: string
  readonly version?: string
  readonly node?: string
}

const LAYOUT = 'node_modules/.cache/dure/image'
const where = {
  json: jsonFlag,
  layout: textFlag('DIR', `The OCI image layout that images are in (default ${LAYOUT})`),
  tag: textFlag('TAG', 'What the image is called there (default latest)'),
}

const buildCommand: Command<Shell> = defineCommand({
  brief: 'Build a container image, without a container engine',
  help: `
        Writes an OCI image of the project that a system file is in: Node and its libraries, the packages that package-lock.json says it
        needs to run, and its files, without hidden ones and tests ("files" in package.json says it otherwise). The same files make the same
        image to the byte. It runs "dure start", with names of services only those; with --program a file of your own. It runs as
        nobody, and keeps its data in /data.

        The list of parts (CycloneDX) and the provenance (in-toto, SLSA) are attached to it. Files are named by their commit, if there is one.`,
  examples: [
    'dure image build',
    'dure image build src/system.ts orders --tag orders',
    'dure image build --program src/main.ts --output shop.tar && podman load -i shop.tar',
  ],
  flags: {
    ...where,
    output: textFlag('FILE', 'Write it as one file as well, which podman load takes'),
    program: textFlag('FILE', 'What Node runs in it, instead of "dure start"'),
    version: textFlag('VERSION', 'Version of the image (default that of package.json)'),
    node: textFlag('FILE', 'The binary of Node (default that of the package "node", else the one that runs this)'),
  },
  positional: {
    kind: 'array',
    parameter: { parse: String, placeholder: 'system.ts|service', brief: 'The system file, and services to run of it' },
  },
  async func(this: Shell, flags: BuildFlags, ...words: readonly string[]): Promise<void> {
    const { folder, program, command } = await whatRuns(this, flags, words)
    const { buildImage, exportImage, gitOrigin } = await deploy()
    const { output } = flags
    const image = await told(() =>
      buildImage({
        ...gitOrigin(folder),
        ...{ folder, layout: layoutOf(this, folder, flags), tag: flags.tag, program, command },
        without: output === undefined ? [] : [resolve(this.cwd, output)],
        ...{ version: flags.version, node: flags.node && resolve(this.cwd, flags.node) },
      }),
    )
    if (output !== undefined)
      await told(async () => {
        mkdirSync(dirname(resolve(this.cwd, output)), { recursive: true })
        await exportImage(image.layout, resolve(this.cwd, output), { tag: image.tag })
      })
    printResult(this, flags, image, () => imageText(image, this.cwd))
  },
})

const pushCommand: Command<Shell> = defineCommand({
  brief: 'Bring an image into a registry',
  help: `
        Sends an image that "dure image build" has made, and what is attached to it, over HTTP. What the registry has is not sent again, so
        a push that was broken off goes on where it was; the tag is set when all is there. Who you are is what podman login or docker
        login have written down. Prints the image by its digest, as a deployment should name it.`,
  examples: ['dure image push registry.example.org/shop/orders:1.4.0', 'dure image push localhost:5000/shop --tag orders'],
  flags: { ...where, plainHttp: switchFlag('Ask a registry of another machine without TLS') },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'HOST/NAME[:TAG]', brief: 'Where to, and the tag there (default latest)' }],
  },
  async func(this: Shell, flags: Where & { readonly plainHttp?: boolean }, reference: string): Promise<void> {
    const { credentialsFor, pushImage, readReference } = await deploy()
    const manifest = nearest('package.json', join(this.cwd, 'any'))
    const pushed = await told(async () =>
      pushImage(reference, {
        ...{ layout: layoutOf(this, manifest === undefined ? this.cwd : dirname(manifest), flags), tag: flags.tag },
        ...{ plainHttp: flags.plainHttp, credentials: credentialsFor(readReference(reference).host, this.process.env) },
        progress: ({ digest, bytes, isSent }) => {
          if (flags.json !== true) say(this, `${isSent ? 'Sent' : 'There already'}  ${digest.slice(7, 19)}  ${bytesText(bytes)}`)
        },
      }),
    )
    printResult(this, flags, pushed, () => pushed.reference)
  },
})

export const imageCommands: RouteMap<Shell> = defineRoutes({
  routes: { build: buildCommand, push: pushCommand },
  brief: 'Build container images, and bring them into registries',
  help: `
        Builds a container image of a project without a container engine, and brings it into a registry.`,
  examples: ['dure image build', 'dure image push registry.example.org/shop:1.4.0'],
})

/** @throws {CliError} when there is no system file, or a service that is named is not of it */
async function whatRuns(
  shell: Shell,
  { program }: BuildFlags,
  words: readonly string[],
): Promise<{ readonly folder: string; readonly program?: readonly string[]; readonly command?: readonly string[] }> {
  const { file, part = [] } = readWords(words, shell.cwd)
  if (program !== undefined && words.length > 0)
    throw new CliError('Cannot use --program with a system file or services: it is the one or the other', {
      exitCode: EXIT.misuse,
    })
  const path = program === undefined ? systemFile(file, shell.cwd) : resolve(shell.cwd, program)
  const manifest = nearest('package.json', path)
  if (manifest === undefined)
    throw new CliError(`Cannot make an image of "${relative(shell.cwd, path)}": there is no package.json there or above`, {
      exitCode: EXIT.misuse,
    })
  const folder = dirname(manifest)
  const inside = relative(folder, path)
  if (program !== undefined) return { folder, program: [inside] }
  if (part.length > 0) {
    const { system } = await loadSystem(file, shell.cwd)
    const known = [...system.services.map(({ contract }) => contract.name), 'broker', 'doors']
    const unknown = part.find((name) => !known.includes(name))
    if (unknown !== undefined)
      throw new CliError(`Cannot make an image of "${unknown}": "${system.name}" has ${known.join(', ')}`, {
        exitCode: EXIT.misuse,
      })
  }
  return { folder, command: ['start', inside, ...part] }
}

const layoutOf = (shell: Shell, folder: string, { layout }: Where): string =>
  layout === undefined ? join(folder, LAYOUT) : resolve(shell.cwd, layout)

function imageText({ digest, tag, layout, layers }: Image, cwd: string): string {
  const width = Math.max(...layers.map(({ name }) => name.length))
  return [
    ...layers.map(
      ({ name, bytes, isReused }) => `${name.padEnd(width)}  ${bytesText(bytes).padStart(9)}${isReused ? '  as before' : ''}`,
    ),
    `${counted(layers.length, 'layer')} as "${tag}" in ${relative(cwd, layout) || '.'}`,
    digest,
  ].join('\n')
}
