"""The description of the API: made of the route table, when somebody asks for it for the first time."""
