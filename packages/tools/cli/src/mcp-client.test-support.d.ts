/** As much of the client of MCP's own SDK as is asked here: whoever works on other parts need not install it for its types. */
declare module '@modelcontextprotocol/client' {
  export type Tool = {
    readonly name: string
    readonly inputSchema: { readonly required?: readonly string[] }
    readonly annotations?: { readonly readOnlyHint?: boolean; readonly destructiveHint?: boolean }
  }
  export type CallToolResult = {
    readonly content: readonly { readonly type: string; readonly text?: string }[]
    readonly structuredContent?: unknown
    readonly isError?: boolean
  }
  export class Client {
    constructor(
      info: { readonly name: string; readonly version: string },
      options?: { readonly versionNegotiation?: { readonly mode: 'legacy' | 'auto' | { readonly pin: string } } },
    )
    connect(transport: unknown): Promise<void>
    listTools(): Promise<{ readonly tools: readonly Tool[] }>
    callTool(params: { readonly name: string; readonly arguments?: Readonly<Record<string, unknown>> }): Promise<CallToolResult>
    getServerVersion(): { readonly name: string; readonly version: string } | undefined
    close(): Promise<void>
  }
  export class StreamableHTTPClientTransport {
    constructor(url: URL, options?: { readonly requestInit?: RequestInit })
  }
}

declare module '@modelcontextprotocol/client/stdio' {
  export class StdioClientTransport {
    constructor(program: { readonly command: string; readonly args: readonly string[]; readonly stderr?: 'pipe' })
  }
}
