/** What operators ask, as tools of the Model Context Protocol: drawn from the contracts, over lines or HTTP. */
export { mcpServer, type McpOptions, type McpServer } from './server.ts'
export { serveMcpLines } from './lines.ts'
export { mcpRoutes } from './http.ts'
