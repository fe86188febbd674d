import { Part } from '../controls/Part';
import { Inbox } from './Inbox';
import { users } from './stream';
import './notifications.css';

const about = 'Alice and Bob side by side: each bell rings for its own, and for what is told to all.';

export function Notifications() {
  return (
    <Part id="notifications" title="Notifications" about={about} readers={users}>
      <div className="columns">
        {users.map(({ name, stream }) => (
          <Inbox key={name} user={name} stream={stream} />
        ))}
      </div>
    </Part>
  );
}
