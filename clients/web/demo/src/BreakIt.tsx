const ways = [
  ['Cut', 'ends the connection. The client comes back by itself, and reads on after its last id.'],
  ['Block', 'lets no stream through, until you press it again. Where a fallback is set, the client polls meanwhile.'],
  ['Stop reading', 'while events go on. Press it again, and what was missed comes at once.'],
  ['Restart', 'ends the connection and makes another one now, at the same place.'],
  ['Lost id', 'asks for a place that the log no longer has. The client is told that events are missing.'],
] as const;

/** What the buttons of each part do. */
export function BreakIt() {
  return (
    <section className="break-it" aria-labelledby="break-it-title">
      <h2 id="break-it-title">Break it</h2>
      <p>
        All events lie in one log. A page keeps nothing but its place in it, the last id: so a lost connection loses nothing. Each
        application below has these buttons, and a record of what its client did.
      </p>
      <dl>
        {ways.map(([name, does]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <code>pkill weir-edge</code>
          </dt>
          <dd>
            in a terminal, or <code>weir-server</code>: <code>./dev up</code> starts it again.
          </dd>
        </div>
      </dl>
    </section>
  );
}
