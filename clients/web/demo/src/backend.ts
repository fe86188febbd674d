// The demo's small backend stands where an application has its own: it gives tokens and takes test broadcasts.
interface Config {
  backend: string;
}

// ./dev up writes it beside the page.
async function at(path: string, query: Record<string, string> = {}): Promise<URL> {
  const response = await fetch('config.json');
  if (!response.ok) throw new Error(`config.json: the edge answered ${response.status}`);
  const { backend } = (await response.json()) as Config;
  const url = new URL(path, backend);
  url.search = new URLSearchParams(query).toString();
  return url;
}

/** Gives tokens of this user, for a stream's `auth`. */
export function tokenOf(user: string, tenant?: string) {
  return async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    const response = await fetch(await at('/token', { user, ...(tenant && { tenant }) }), { signal });
    if (!response.ok) throw new Error(`the backend answered ${response.status}`);
    return response.text();
  };
}

/** Publishes a message to all dispatchers; resolves to its cursor. */
export async function broadcast(text: string): Promise<string> {
  const body = JSON.stringify({ text });
  const response = await fetch(await at('/broadcast'), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  const answer = (await response.json()) as { cursor: string; error: string };
  if (!response.ok) throw new Error(answer.error);
  return answer.cursor;
}
