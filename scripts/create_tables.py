"""Creates or updates the tables of clients and assistants. Needs DATABASE_URL; safe to repeat."""

from tenant_admin.migrate import main

if __name__ == "__main__":
    main()
